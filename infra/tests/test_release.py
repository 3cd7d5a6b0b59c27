"""`make release`, the workflows of GitHub Actions, and the container image. The compilers are stubs; GitHub's own schema and
checkov read the workflows.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from templates import INFRA

ROOT = INFRA.parent
VENV = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
VERSION = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
ALL = [
    "SHA256SUMS",
    f"rolecall-{VERSION}-aarch64-unknown-linux-musl.tar.gz",
    f"rolecall-{VERSION}-x86_64-unknown-linux-musl.tar.gz",
    "rolecall-lambda-arm64.zip",
    "rolecall-lambda-x86_64.zip",
    "rolecall-lambda.cdx.json",
    "rolecall.cdx.json",
]

# It writes what the real commands write, where they write it.
CARGO = """#!/bin/sh
set -eu
echo "cargo $*" >> "$HOME/calls"
command=$1 lambda= target=
while [ $# -gt 0 ]; do
    case $1 in
    --lambda-dir) lambda=$2 ;;
    --target) target=$2 ;;
    esac
    shift
done
case $command in
lambda) mkdir -p "$lambda/rolecall-lambda"; echo "function $target" > "$lambda/rolecall-lambda/bootstrap" ;;
zigbuild) mkdir -p "$CARGO_TARGET_DIR/$target/fast"; echo "program $target" > "$CARGO_TARGET_DIR/$target/fast/rolecall" ;;
cyclonedx)
    for name in cli/rolecall lambda/rolecall-lambda core/rolecall-core; do
        echo '{"bomFormat": "CycloneDX"}' > "crates/$name.cdx.json"
    done ;;
esac
"""


@pytest.fixture
def shell(tmp_path):
    """An environment in which cargo, rustc and rustup are stubs; the standard library of no target is installed. Its Python has
    Zopfli."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    stubs = {
        "cargo": CARGO,
        "rustc": "#!/bin/sh\necho /missing\n",
        "rustup": '#!/bin/sh\necho "rustup $*" >> "$HOME/calls"\n',
        "python3": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
    }
    for name, text in stubs.items():
        (bin_folder / name).write_text(text)
        (bin_folder / name).chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.defpath}"
    return {"PATH": path, "HOME": str(tmp_path), "CARGO_TARGET_DIR": str(tmp_path / "target")}


def release(folder, shell, **settings):
    return subprocess.run([ROOT / "tools/release", folder], env=shell | settings, capture_output=True, text=True, timeout=60)


def test_a_release_has_zips_static_binaries_lists_of_dependencies_and_checksums(shell, tmp_path):
    folder = tmp_path / "dist"
    done = release(folder, shell)
    assert done.returncode == 0, done.stderr
    assert sorted(it.name for it in folder.iterdir()) == ALL

    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sorted(sums) == ALL[1:]
    for name, checksum in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == checksum, name

    for name, machine in (("arm64", "aarch64"), ("x86_64", "x86_64")):
        with zipfile.ZipFile(folder / f"rolecall-lambda-{name}.zip") as archive:
            [entry] = archive.infolist()
            assert (entry.filename, entry.external_attr >> 16, entry.compress_type) == ("bootstrap", 0o755, zipfile.ZIP_DEFLATED)
            assert archive.read(entry) == f"function {machine}-unknown-linux-gnu\n".encode()
    for name in ALL[1:3]:
        stem = name.removesuffix(".tar.gz")
        with tarfile.open(folder / name) as archive:
            assert sorted(archive.getnames()) == [stem] + [f"{stem}/{it}" for it in ("LICENSE", "README.md", "rolecall")]
            assert stem.split("-", 2)[2] in archive.extractfile(f"{stem}/rolecall").read().decode()

    calls = (tmp_path / "calls").read_text().splitlines()
    added = {call.split()[-1] for call in calls if call.startswith("rustup target add")}
    assert added == {f"{machine}-unknown-linux-{libc}" for machine in ("aarch64", "x86_64") for libc in ("gnu", "musl")}
    builds = [call for call in calls if call.startswith(("cargo lambda", "cargo zigbuild"))]
    assert all("--locked" in call for call in builds)
    # cargo-cyclonedx writes beside each Cargo.toml; nothing of it stays there.
    assert list(ROOT.glob("crates/*/*.cdx.json")) == []
    for name in ("rolecall", "rolecall-lambda"):
        assert json.loads((folder / f"{name}.cdx.json").read_text())["bomFormat"] == "CycloneDX"


def test_a_release_without_rustup_says_what_is_missing(shell, tmp_path):
    (tmp_path / "bin/rustup").write_text("#!/bin/sh\nexit 1\n")
    done = release(tmp_path / "dist", shell)
    assert done.returncode == 1
    assert "the standard library of Rust for aarch64-unknown-linux-gnu is not installed" in done.stderr


def test_a_part_of_a_release_can_be_built(shell, tmp_path):
    done = release(tmp_path / "dist", shell, ARCHITECTURES="x86_64", TARGETS="")
    assert done.returncode == 0, done.stderr
    built = sorted(it.name for it in (tmp_path / "dist").iterdir())
    assert built == ["SHA256SUMS", "rolecall-lambda-x86_64.zip", "rolecall-lambda.cdx.json", "rolecall.cdx.json"]
    assert release(tmp_path / "dist", shell, ARCHITECTURES="mips").returncode == 2


def test_the_workflows_follow_the_schema_of_github_actions():
    schema = ["--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([VENV / "check-jsonschema", *schema, *WORKFLOWS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert [it.name for it in WORKFLOWS] == ["ci.yml", "release.yml"]


def test_checkov_finds_nothing_in_the_workflows_and_the_container_image(tmp_path):
    for name in (".github", "Dockerfile"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    venv = subprocess.check_output([ROOT / "tools/venv", "checkov"], text=True).strip()
    options = ["--framework", "github_actions,dockerfile", "--skip-download", "--output", "json", "-d", tmp_path]
    done = subprocess.run([f"{venv}/bin/checkov", *options], capture_output=True, text=True)
    reports = json.loads(done.stdout)
    assert sorted(report["check_type"] for report in reports) == ["dockerfile", "github_actions"]
    for report in reports:
        assert report["results"]["failed_checks"] == []
        assert report["summary"]["parsing_errors"] == 0


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_and_jobs_have_only_the_permissions_they_need(path):
    workflow = yaml.safe_load(path.read_text())
    for step in steps(workflow):
        if uses := step.get("uses"):
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", uses), uses
        if uses and uses.startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    # The tag of each commit, for people and for tools that update it.
    for line in path.read_text().splitlines():
        assert "uses:" not in line or re.search(r"# v\d+\.\d+\.\d+$", line), line
    assert workflow["permissions"] == {"contents": "read"}
    jobs = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    assert jobs == {
        "ci.yml": {},
        "release.yml": {
            "build": {"contents": "read", "id-token": "write", "attestations": "write"},
            "publish": {"contents": "write"},
        },
    }[path.name]
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_ci_runs_the_targets_of_contributing():
    commands = [step["run"] for step in steps(yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())) if "run" in step]
    assert {"make check", "make test"} <= set(commands)
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", "\n".join(commands) + (ROOT / ".github/workflows/release.yml").read_text()):
        assert f"\n{target}:" in makefile, target


def test_the_container_image_has_what_the_build_reads(tmp_path):
    """What .dockerignore lets through is a workspace, and has each file that the code includes."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in allowed:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        source = ROOT / name
        ignore = shutil.ignore_patterns("target", "node_modules")
        shutil.copytree(source, tmp_path / name, ignore=ignore) if source.is_dir() else shutil.copy(source, tmp_path / name)
    metadata = ["cargo", "metadata", "--offline", "--locked", "--no-deps", "--format-version", "1"]
    done = subprocess.run(metadata, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    includes = re.compile(r'include_(?:str|bytes)!\(\s*"([^"]+)"')
    checked = 0
    for code in tmp_path.glob("crates/*/src/**/*.rs"):
        shipped = code.read_text().split("#[cfg(test)]")[0]
        for name in includes.findall(shipped):
            assert (code.parent / name).resolve().is_file(), f"{code}: {name}"
            checked += 1
    assert checked > 5


def test_the_container_image_does_not_run_as_root_and_has_no_shell():
    stage = (ROOT / "Dockerfile").read_text().split("FROM scratch")[1]
    assert re.search(r"^USER 65532:65532$", stage, re.MULTILINE)
    assert re.findall(r"^(RUN|ADD)", stage, re.MULTILINE) == []
