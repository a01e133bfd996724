import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import fishlib

TOP = Path(__file__).resolve().parents[1]
LIGHT = ["files", "runs", "motion", "questions", "splits", "published", "video", "tank"]
LIGHT += ["preparation", "recording", "forecasters.rules", "forecasters.regressions"]
LIGHT += ["evaluation.export", "evaluation.report", "figures", "pipeline.many"]
LIGHT += ["streaming", "clips", "side_by_side", "animals", "forecasters.feared"]


@pytest.mark.parametrize("module", ["fishlib", *(f"fishlib.{name}" for name in LIGHT)])
def test_light_modules_do_not_import_tensorflow(module):
    code = f"import {module}, sys; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_check_above_can_fail():
    code = "import fishlib.models, sys; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1


def test_the_face_lists_about_25_names_and_loads_each_from_its_file():
    assert 20 <= len(dir(fishlib)) <= 28
    for name in dir(fishlib):
        assert getattr(fishlib, name).__name__ == name
    with pytest.raises(AttributeError, match=r"fishlib has no open_movie; it has: .*open_film"):
        assert fishlib.open_movie


def test_a_type_checker_sees_the_same_face():
    stub = (TOP / "fishlib" / "__init__.pyi").read_text(encoding="utf-8")
    listed = re.findall(r"^from (\S+) import (\w+) as \2$", stub, re.MULTILINE)
    assert sorted(name for _, name in listed) == dir(fishlib)
    for home, name in listed:
        assert getattr(import_module(home), name) is getattr(fishlib, name)
    checked = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["mypy"]["modules"]
    assert all(map(import_module, checked))


def test_conda_installs_the_package_through_pip():
    environment = yaml.safe_load((TOP / "environment.yml").read_text())
    assert environment["dependencies"][-1] == {"pip": ["-e .[test]"]}
    assert "python>=3.11,<3.14" in environment["dependencies"]


def test_public_functions_say_what_they_do():
    import importlib
    import inspect
    import pkgutil

    silent = []
    for info in pkgutil.walk_packages(fishlib.__path__, "fishlib."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name, member in vars(module).items():
            own = getattr(member, "__module__", None) == info.name
            if own and not name.startswith("_") and callable(member) and not inspect.getdoc(member):
                silent.append(f"{info.name}.{name}")
    assert not silent


def test_every_benchmark_can_be_imported():
    names = [path.stem for path in (Path(__file__).parent / "benchmarks").glob("*.py")]
    assert len(names) > 10
    code = f"import importlib\nfor name in {names}: importlib.import_module(name)"
    folder = Path(__file__).parent / "benchmarks"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
