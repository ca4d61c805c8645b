"""What setuptools cannot know: the extension and the daemon are built by tools/native.py, and the wheel carries both.

An editable install builds the extension alone; the first import builds what else is missing, and shows it. A wheel holds no
builder (bindd/_develop.py): nothing is ever compiled where it is installed.
"""

import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
os.chdir(HERE)  # sources are named relative to this file, whoever runs it
sys.path.insert(0, str(HERE.parent / "tools"))

import native  # noqa: E402


def write(text: str) -> None:
    sys.stdout.write(text)


class BuildExtension(build_ext):
    def build_extension(self, ext: Extension) -> None:
        native.build_extension("release", write, Path(self.get_ext_fullpath(ext.name)).resolve())


class BuildPackage(build_py):
    def find_package_modules(self, package: str, package_dir: str) -> list:
        modules = super().find_package_modules(package, package_dir)
        return [module for module in modules if self.editable_mode or module[1] != "_develop"]

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib) / "bindd"
        native.install(native.build_daemon("release", write), package / "_bin" / "bindd")
        (package / "licences").mkdir(parents=True, exist_ok=True)
        for name, path in native.licences().items():
            shutil.copyfile(path, package / "licences" / name)

    def get_outputs(self, include_bytecode: bool = True) -> list:
        if self.editable_mode:
            return super().get_outputs(include_bytecode)
        package = Path(self.build_lib) / "bindd"
        native_files = [package / "_bin" / "bindd", *(package / "licences" / name for name in native.licences())]
        return super().get_outputs(include_bytecode) + [str(path) for path in native_files]


setup(
    cmdclass={"build_ext": BuildExtension, "build_py": BuildPackage},
    ext_modules=[
        Extension(
            "bindd._bindd",
            sources=sorted(str(path.relative_to(HERE)) for path in (HERE / "csrc").glob("*.c")),
            depends=sorted(str(path.relative_to(HERE)) for path in (HERE / "csrc").rglob("*.h")),
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
