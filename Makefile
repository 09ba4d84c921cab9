# make demo: a real photo to .blend, .fbx, .glb and a preview picture.   make test: everything that CI runs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
DEMO := demo_output

.PHONY: demo test test-matrix test-window zips bench clean

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" || \
	  { echo "Facewright's make commands need Python 3.11 (bpy 4.5 exists for no other); set PYTHON=/path/to/python3.11."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[blender,dev,train,evaluate]"
	touch $@

demo: $(VENV)/installed
	$(PY) benchmarks/demo_photo.py $(DEMO)/astronaut.png
	$(PY) -m facewright reconstruct $(DEMO)/astronaut.png -o $(DEMO)/astronaut --blend --fbx --glb --overwrite
	@echo "Look at $(DEMO)/astronaut/preview.png and open $(DEMO)/astronaut/head.blend in Blender."

test: $(VENV)/installed
	$(PY) -m pytest

test-matrix: $(VENV)/installed
	$(PY) tests/run_matrix.py

# A walk through the panel in a real Blender window; root on Debian. All screenshots and the log: dist/window/.
test-window: $(VENV)/installed
	$(PY) tests/window/run.py --show docs/screenshots

# The Blender extension for every platform and Python, in dist/.
zips: $(VENV)/installed
	$(PY) build_addon.py

bench: $(VENV)/installed
	$(PY) benchmarks/demo_photo.py $(DEMO)/astronaut.png
	$(PY) benchmarks/reconstruct.py $(DEMO)/astronaut.png

clean:
	rm -rf $(VENV) $(DEMO) build dist
