"""Face models: identity and blendshapes as a function of a few coefficients."""
