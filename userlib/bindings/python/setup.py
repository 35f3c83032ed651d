# SPDX-License-Identifier: LGPL-2.1-or-later
from setuptools import setup

setup(
    name="ndshm",
    version="0.1.0",
    description="Blocks and sections of ndshm",
    license="LGPL-2.1-or-later",
    package_dir={"": "src"},
    packages=["ndshm"],
    package_data={"ndshm": ["py.typed"]},
    python_requires=">=3.9",
    setup_requires=["cffi"],
    install_requires=["cffi"],
    cffi_modules=["ndshm_build.py:ffi"],
    zip_safe=False,
)
