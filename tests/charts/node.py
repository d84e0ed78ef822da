"""What a node makes of a pod's volumes: the files that its container finds, below a directory of the test's.

Tests run what a chart's containers run, on what the chart mounts. It knows volumes of ConfigMaps and Secrets,
in the shape that kubelet gives them, and empty ones.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.charts.helm import Manifest


def mount(pod: Manifest, container: Manifest, objects: Iterable[Manifest], root: Path) -> None:
    """Make every volume of the container at its place below `root`."""
    there = {(found["kind"], found["metadata"]["name"]): found for found in objects}
    volumes = {volume["name"]: volume for volume in pod.get("volumes") or ()}
    for wanted in container["volumeMounts"]:
        at = root / wanted["mountPath"].lstrip("/")
        at.mkdir(parents=True)
        volume = volumes.get(wanted["name"], {})
        files = dict(_files(volume, there))
        if files:
            _write(files, at)


def _files(volume: Manifest, there: dict[tuple[str, str], Manifest]) -> Iterator[tuple[str, str]]:
    for source in (volume, *volume.get("projected", {}).get("sources", ())):
        for key, kind, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            if key not in source:
                continue
            asked = source[key]
            found = there.get((kind, asked.get(name) or asked["name"]))
            if found is None:
                assert asked.get("optional"), f"there is no {kind} {asked[name]}"
                continue
            held = found.get("data") or found.get("stringData") or {}
            items = asked.get("items") or [{"key": name, "path": name} for name in held]
            yield from ((item["path"], held[item["key"]]) for item in items)


def _write(files: dict[str, str], at: Path) -> None:
    """As kubelet does it: all in one hidden directory, behind links, so that a change is one move."""
    (at / "..now").mkdir()
    (at / "..data").symlink_to("..now")
    for name, text in files.items():
        path = at / "..now" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in {name.split("/")[0] for name in files}:
        (at / name).symlink_to(Path("..data") / name)
