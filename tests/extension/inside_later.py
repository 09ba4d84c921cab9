"""Runs in the clean environment after ``inside_first_use.py``: what else happens to an extension in its life.

    python -I inside_later.py ANSWERS ZIP

Enabled anew (timed), disabled, enabled, upgraded over itself, uninstalled, installed again.
"""

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

ANSWERS, ZIP = map(Path, sys.argv[1:3])
PACKAGE = "bl_ext.user_default.facewright"


def answer(name, value):
    with ANSWERS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": name, "value": value}) + "\n")


def main():
    import bpy

    def left():
        """What of ours Blender knows: properties of its types, classes, timers aside."""
        owners = ("Scene", "Object", "WindowManager")
        properties = [f"{o}.{p}" for o in owners for p in dir(getattr(bpy.types, o)) if p.startswith("facewright")]
        classes = [name for name in dir(bpy.types) if name.upper().startswith("FACEWRIGHT")]
        handlers = [
            f"{name}: {function.__module__}"
            for name in dir(bpy.app.handlers)
            if isinstance(functions := getattr(bpy.app.handlers, name), list)
            for function in functions
            if "facewright" in getattr(function, "__module__", "")
        ]
        return properties + classes + handlers

    def heads():
        folder = Path(bpy.utils.extension_path_user(PACKAGE)) / "heads"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def install():
        bpy.ops.extensions.package_install_files(filepath=str(ZIP), repo="user_default", enable_on_install=True)

    answer("at start", left())
    modules = set(sys.modules)
    # What enabling costs beside Blender's own work: here it also unpacks the wheels, which this process, as every
    # one with factory settings, has taken away. The processor's time, not the clock's: others may be busy.
    started = time.process_time()
    package = importlib.import_module(PACKAGE)
    package.register()
    answer("seconds to enable", time.process_time() - started)
    answer("modules that enabling loads", sorted(set(sys.modules) - modules))
    package.unregister()
    answer("unregistered", left())
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    answer("enabled", left())
    bpy.context.preferences.addons[PACKAGE].preferences.threads = 3
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    answer("disabled", left())
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    answer("enabled again", left())

    bpy.context.preferences.addons[PACKAGE].preferences.threads = 2
    answer("heads before the upgrade", heads())
    install()
    answer("upgraded", left())
    answer("heads after the upgrade", heads())
    answer("threads after the upgrade", bpy.context.preferences.addons[PACKAGE].preferences.threads)

    repositories = bpy.context.preferences.extensions.repos
    index = next(index for index, repository in enumerate(repositories) if repository.module == "user_default")
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="facewright")
    answer("uninstalled", left())
    installed = Path(bpy.utils.user_resource("EXTENSIONS")) / "user_default" / "facewright"
    answer("files after uninstalling", sorted(str(path) for path in installed.rglob("*")))
    install()
    answer("installed again", left())
    answer("finished", True)


try:
    main()
except BaseException:
    traceback.print_exc()
finally:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # bpy can hang or crash while an interpreter ends
