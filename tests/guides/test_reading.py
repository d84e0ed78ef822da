"""A mistake in a page is found, whatever it is: what would pass unseen is shown here to be seen."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.guides.reading import called, programs, read
from tests.guides.shell import Shell
from tests.peers.binaries import peer

# A page, and a part of what is said of it. Most are one letter away from what the pages say.
WRONG: Final = {
    "kubectl -n production get pods --all-containrs": "there is no option --all-containrs",
    "kubectl -n production rollout unod deployment/NAME": "there is no sub-command 'rollout unod'",
    "kubectl roll undo deployment/NAME": "there is no sub-command 'roll'",
    "kubectl rollout": "nobody here knows what the words behind 'rollout' mean",
    "kubectl -n production get podz": "nobody here knows the kind podz",
    "kubectl -n production get jobs,crojobs": "nobody here knows the kind crojobs",
    "kubectl -n production get pods -o yml": "there is no output yml",
    "kubectl -n prodution get pods": "nobody makes the namespace prodution",
    "kubectl -n production get cronjob postgres-backup": "there is no CronJob postgres-backup",
    "kubectl -n velero get cronjob redis-backup": "the CronJob redis-backup is in production, not in velero",
    "kubectl create job by-hand --from=cronjob/postgres-backup": "there is no CronJob postgres-backup",
    "kubectl -n production logs --tail=5": "it names no pod",
    "kubectl -n production exec POD psql": "what runs in the pod has to stand behind --",
    "kubectl -n production exec POD -- psql --comand 'select 1'": "there is no option --comand",
    "kubectl -n production exec POD -- sh -c 'redis-cli --bigkey'": "there is no option --bigkey",
    "kubectl -n production exec POD -- some-tool": "nobody here checks some-tool",
    "kubectl -n production exec POD -tj -- pg_isready": "there is no option -j (of -tj)",
    "kubectl -n production wait --for=conditions=Ready pod/POD": "--for=conditions=Ready is no condition",
    "kubectl -n production patch hpa NAME --type=merge -p '{\"spec\":'": "the patch is no JSON",
    "kubectl -n production patch cronjob NAME -p '{}'": "say --type=merge",
    "kubectl -n production logs POD --tail": "--tail needs a value",
    "kubectl apply -f nobody-wrote.yaml": "nobody has written nobody-wrote.yaml",
    "kubectl -n monitoring port-forward service/alertmanager 9039": "service/alertmanager has no port 9039",
    "kubectl -n production logs job/responder-chekc": "there is no Job responder-chekc",
    "kubectl drain --force": "it needs the name of a node",
    "kubectl -n production label pod POD": "it changes nothing",
    "helm upgarde platform charts/platform": "there is no sub-command 'upgarde'",
    "helm upgrade platform charts/platform --atomic": "there is no option --atomic",
    "helm upgrade platform charts/plattform": "there is no chart charts/plattform",
    "helm upgrade platform platform": "'platform' is no chart",
    "helm upgrade platform charts/platform -f nobody-wrote.yaml": "nobody has written nobody-wrote.yaml",
    "helm upgrade platform charts/platform --set clutser=a": "additional properties 'clutser' not allowed",
    "helm upgrade platform charts/platform --set cluster.a=b": "got object, want string",
    "responder frezee list": "there is no sub-command 'frezee'",
    "responder freeze --scop global": "No such option '--scop'",
    "responder silence add": "Missing argument",
    "responder silence": "silence needs a sub-command",
    "responder check --config config/nobody-wrote.yaml": "there is no config/nobody-wrote.yaml",
    "promtool chekc rules rules/prometheus/backup.yaml": "there is no such command",
    "promtool check rules --lnt=all rules/prometheus/backup.yaml": "there is no option --lnt",
    "promtool check rules rules/prometheus/nothing*.yaml": "there is no rules/prometheus/nothing*.yaml",
    "amtool silence add --coment x alertname=A": "there is no option --coment",
    "redis-cli --prot 1 ping": "there is no option --prot",
    "pg_dump --formt=custom": "there is no option --formt",
    "curl --hedaer x http://127.0.0.1": "--hedaer",
    "openssl x509 -enddat": "there is no option",
    "openssl x590 -enddate": "there is no sub-command 'x590'",
    "make tset": "there is no target tset",
    "tail -n x errors.log": "invalid number of lines",
    "kubectl get pods > rules/pods.txt": "it writes to rules/pods.txt: nothing of this page is run",
    "echo words | /usr/bin/tee words.txt": "it runs /usr/bin/tee: nothing of this page is run",
    "unknown-tool": "unknown-tool: command not found",
    "if false; then kubectl get podz; fi": "nothing reaches a call of kubectl",
    "kubectl get 'pods": "unexpected EOF",
    "cat < nobody-wrote.txt": "No such file or directory",
}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, programs())


@pytest.mark.parametrize("command", WRONG)
def test_a_mistake_is_said_with_its_line(command: str, shell: Shell) -> None:
    text = f"# A page\n\nSome words.\n\n```bash\necho first\n{command}\n```\n"
    said = read(text, shell)
    # The block begins at line 6; bash itself says which of its lines it is.
    assert said[0].partition(": ")[0] in ("6", "7")
    assert WRONG[command] in said[0]


def test_code_within_a_line_is_read_as_well(shell: Shell) -> None:
    text = (
        "And\n`kubectl -n production get\npodz`, `kubectl delete`, `kubectl top pods`; `rollout history`.\n"
    )
    assert read(text, shell) == ["2: kubectl -n production get podz: nobody here knows the kind podz"]


def test_variables_loops_and_pipes_are_bash_s_own(shell: Shell) -> None:
    text = """\
```bash
namespace=production
for kind in pods podz; do
  kubectl -n "$namespace" get "$kind" | xargs -r kubectl delete pod
done
```
"""
    assert [str(call) for call in called(text, shell).calls] == [
        "kubectl -n production get pods",
        "kubectl delete pod recorded",
        "kubectl -n production get podz",
        "kubectl delete pod recorded",
    ]
    assert read(text, shell) == ["2: kubectl -n production get podz: nobody here knows the kind podz"]


# The real program's own word on a few of them, so that reading its help is known to come to the same.
@pytest.mark.parametrize(
    ("right", "words"),
    [
        (True, "-n production get pods --sort-by=.metadata.name -o wide --label-columns a"),
        (True, "drain node-1 --ignore-daemonsets --delete-emptydir-data --timeout=10m"),
        (True, "-n a exec -it POD"),
        (False, "-n production get pods --sortby=.metadata.name"),
        (False, "drain node-1 --delete-local-data"),
        (False, "-n a exec -itj POD"),
        (False, "rollout undo deployment/a --revision=1"),
    ],
)
def test_kubectl_itself_takes_what_is_right_and_refuses_what_is_wrong(
    right: bool, words: str, shell: Shell
) -> None:
    options = [fault for fault in read(f"```bash\nkubectl {words}\n```\n", shell) if "no option" in fault]
    # With --help at the end it reads all options, and does nothing.
    itself = subprocess.run([peer("kubectl"), *words.split(), "--help"], capture_output=True, check=False)
    assert (itself.returncode == 0, options == []) == (right, right)
