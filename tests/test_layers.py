"""launchpad → fw_specs → al_workflows, never back; and no import cycles inside a layer."""

import ast
import subprocess
import sys
from collections.abc import Container
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RANK = {"al_workflows": 0, "fw_specs": 1, "launchpad": 2}
FORBIDDEN = {"al_workflows": {"fireworks", "pymongo", "gridfs", "bson"}, "fw_specs": set(), "launchpad": set()}
SOURCES = sorted(path for package in RANK for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Absolute names of the modules that a file imports, at any depth of indentation."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def uses(path: Path, modules: Container[str]) -> set[str]:
    """The modules among ``modules`` that a file takes something from; a submodule stands for its package."""
    found = {name for name in imports(path) if name in modules}
    return found - {name for name in found if any(other.startswith(f"{name}.") for other in found)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_back_edge(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    tops = {name.split(".")[0] for name in imports(path)}
    above = {top for top in tops & RANK.keys() if RANK[top] > RANK[package]}
    assert not above, f"{path} imports {above}, a layer above"
    assert not tops & FORBIDDEN[package], f"{path} imports {tops & FORBIDDEN[package]}"


def test_no_import_cycles() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES
    }
    graph = {name: uses(path, modules) - {name} for name, path in modules.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join((*trail, name))}"
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("package", RANK)
def test_importing_a_package_has_no_side_effects(package: str, tmp_path: Path) -> None:
    code = f"import sys, {package}; print('torch' in sys.modules, 'fireworks' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert not done.stderr
    assert not list(tmp_path.iterdir())


def test_no_file_outgrows_its_purpose() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert not {name: lines for name, lines in long.items() if lines > 350}
