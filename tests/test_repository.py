"""The repository as a whole: it stands on its own, and what it says of itself is true."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[1]

# Written so that this file does not name them itself.
REGISTRIES: Final = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("snapshot", "debian", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
    )
]
WORKPLACE: Final = ["/".join(parts) for parts in (("..", "shared"), ("", "work", ""))]


def files() -> list[Path]:
    """What is, or would be, under version control."""
    listed = subprocess.run(
        [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked(name: str) -> dict[str, str]:
    """The packages of a requirements file with their versions."""
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) ", text, re.MULTILINE))


@pytest.mark.parametrize("words", [REGISTRIES, WORKPLACE], ids=["registries", "workplace"])
def test_no_file_names_what_only_one_place_has(words: list[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in files()
        for word in words
        if word.encode() in path.read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt", "build.txt"])
def test_requirements_are_exact_hashed_and_without_addresses(name: str) -> None:
    entries = (ROOT / "requirements" / name).read_text().replace("\\\n", "").splitlines()
    pattern = re.compile(r"[a-z0-9-]+==\S+( ; [^-]+)?( +--hash=sha256:[0-9a-f]{64})+")
    assert [entry for entry in entries if not pattern.fullmatch(entry)] == []


def test_the_requirements_agree_with_each_other_and_with_pyproject() -> None:
    runtime, dev, build = locked("runtime.txt"), locked("dev.txt"), locked("build.txt")
    project = pyproject()
    wanted = {re.split(r"[\s;<>=~!\[]", line)[0].lower() for line in project["project"]["dependencies"]}
    tools = {line.split(" ")[0] for line in project["dependency-groups"]["dev"] if isinstance(line, str)}
    assert wanted - runtime.keys() == set()
    assert tools - dev.keys() == set()
    assert runtime.items() - dev.items() == set()
    assert build.items() - dev.items() == set()


def test_continuous_integration_runs_what_people_run() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "REQUIRE_PEERS=1 make test"


def test_the_license_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.split()[:5] == ["Apache", "License", "Version", "2.0,", "January"]
    assert "END OF TERMS AND CONDITIONS" in text
    assert pyproject()["project"]["license"] == "Apache-2.0"


def test_the_readme_names_only_commands_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = re.findall(r"^```.*?^```|`[^`\n]+`", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    named = {name for text in code for name in re.findall(r"\bmake ([a-z]+)", text)}
    assert {"run", "test"} <= named
    assert named - targets == set()


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in files()
        if page.suffix == ".md" and not page.is_relative_to(ROOT / "rules")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_the_tree_in_the_architecture_page_is_the_package() -> None:
    # A line `responder/`, and indented below it a line for each module: name first, a slash after packages.
    page = (ROOT / "docs" / "architecture.md").read_text()
    block = re.search(r"^ *responder/\n((?: +\S.*\n)+)", page, re.MULTILINE)
    assert block is not None, "docs/architecture.md draws no tree that begins with a line `responder/`"
    lines = block[1].splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    drawn = {line.split()[0] for line in lines if len(line) - len(line.lstrip()) == indent}
    there = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "responder").iterdir()
        if path.name not in {"__init__.py", "__pycache__", "py.typed"}
    }
    assert drawn == there


def test_no_two_files_differ_in_upper_and_lower_case_alone() -> None:
    # Some file systems cannot keep both.
    names = [str(path.relative_to(ROOT)) for path in files()]
    assert len({name.lower() for name in names}) == len(names)
