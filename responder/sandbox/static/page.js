// Asks every second whether something has arrived, and changes only the parts that differ: what a
// reader has opened stays open, what stands in a frame is not loaded again, nothing flickers.
"use strict";

const sources = new WeakMap(); // what the server sent for each part with an id

function remember(part) {
  for (const one of [part, ...part.querySelectorAll("[id]")]) sources.set(one, one.outerHTML);
}

function renew(old, fresh) {
  const known = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
  const wanted = [...fresh.children].map((one) => {
    const mine = known.get(one.id);
    const source = one.outerHTML;
    if (mine && sources.get(mine) === source) return mine;
    if (mine && "keyed" in mine.dataset && "keyed" in one.dataset) {
      mine.className = one.className;
      renew(mine, one);
      sources.set(mine, source);
      return mine;
    }
    remember(one);
    if (one.id) one.classList.add("new");
    return one;
  });
  for (const gone of [...old.children]) if (!wanted.includes(gone)) gone.remove();
  wanted.forEach((one, place) => {
    if (old.children[place] !== one) old.insertBefore(one, old.children[place] || null);
  });
}

let tag = "";

async function look() {
  let away = false;
  try {
    const answer = await fetch(location.pathname + location.search, { headers: tag ? { "If-None-Match": tag } : {} });
    const text = await answer.text();
    if (answer.status === 200) {
      const fresh = new DOMParser().parseFromString(text, "text/html");
      for (const id of ["tabs", "main"]) {
        const [old, one] = [document.getElementById(id), fresh.getElementById(id)];
        if (sources.get(old) !== one.outerHTML) {
          sources.set(old, one.outerHTML);
          renew(old, one);
        }
      }
      tag = answer.headers.get("ETag") || "";
    }
  } catch {
    away = true;
  }
  document.getElementById("away").hidden = !away;
}

async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, 1000);
}

// What is typed and pressed on Slack's page goes to the service as Slack would send it.
async function act(path, asked) {
  const user = document.getElementById("people").dataset.user;
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user, ...asked }),
  });
  await answer.text();
  await look();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.press");
  if (!button) return;
  const { action, value, confirm } = button.dataset;
  if (confirm && !window.confirm(confirm)) return;
  button.disabled = true;
  const channel = button.closest("[data-channel]").dataset.channel;
  await act("/slack/press", { channel, ts: button.closest("[data-ts]").dataset.ts, action, value });
  button.disabled = false;
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.typing");
  if (!form) return;
  event.preventDefault();
  const text = form.elements.text.value.trim();
  if (!text) return;
  form.elements.text.value = "";
  await act("/slack/type", { channel: form.closest("[data-channel]").dataset.channel, text });
});

remember(document.getElementById("tabs"));
remember(document.getElementById("main"));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
setTimeout(watch, 1000);
