"""The extension: stable ABI of CPython 3.11, all warnings are errors."""

import os
from pathlib import Path

from setuptools import Extension, setup

HERE = Path(__file__).resolve().parent
os.chdir(HERE)  # sources are named relative to this file, whoever runs it
LAYOUT = os.path.relpath(HERE.parent / "Sources" / "CLayout" / "include", HERE)

setup(
    ext_modules=[
        Extension(
            "bindd._bindd",
            sources=sorted(str(path.relative_to(HERE)) for path in (HERE / "csrc").glob("*.c")),
            depends=sorted(str(path.relative_to(HERE)) for path in (HERE / "csrc").rglob("*.h")),
            include_dirs=["csrc", LAYOUT],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
