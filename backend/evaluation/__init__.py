"""Evaluation: the papers' benchmark protocols on any data set, for our results and any other program's meshes."""
