"""Nothing is unpickled, evaluated or given to a shell: what the sources may not call, found by reading them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layers import ROOT, SOURCES, imports

#: modules that run what they read
LOADERS = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "jsonpickle",
    "ase.io.pickletrajectory",
}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "runpy.run_path"}
#: the one place that imports what a run file names, and only a calculator of ASE comes out of it
IMPORTERS = {"al_workflows/calculators.py"}


def dangers(tree: ast.AST) -> Iterator[str]:
    """What in a module could run code that its data bring."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if name in BUILTINS | CALLS:
            yield name
        if keywords.get("shell", "False") != "False":
            yield f"{name}(shell=…)"
        if keywords.get("allow_pickle", "False") != "False" or (name == "np.load" and "allow_pickle" not in keywords):
            yield f"{name}(allow_pickle=…)"
        if name == "torch.load" and keywords.get("weights_only") != "True":
            yield "torch.load without weights_only"
        if name in ("yaml.load", "yaml.load_all") and not {"_Loader", "yaml.SafeLoader"} & {
            ast.unparse(part) for part in [*node.args, *(word.value for word in node.keywords)]
        }:
            yield f"{name} with another loader"
        if name in ("yaml.unsafe_load", "yaml.full_load", "yaml.full_load_all"):
            yield name
        if name.endswith("import_module"):
            yield "import_module"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_runs_what_it_reads(path: Path) -> None:
    found = set(dangers(ast.parse(path.read_text())))
    if str(path.relative_to(ROOT)) in IMPORTERS:
        found.discard("import_module")
    assert not found
    assert not imports(path) & LOADERS


@pytest.mark.parametrize(
    "code",
    [
        "eval(x)",
        "os.system(x)",
        "subprocess.run(x, shell=True)",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "yaml.load(f, yaml.Loader)",
        "yaml.unsafe_load(f)",
        "importlib.import_module(x)",
    ],
)
def test_the_search_finds_what_it_is_for(code: str) -> None:
    assert list(dangers(ast.parse(code)))


def test_the_loader_of_run_files_is_a_safe_one() -> None:
    import yaml

    from al_workflows import spec_file

    assert issubclass(spec_file._Loader, yaml.SafeLoader)
