"""Files for other programs: read the head, write it in a process of its own, read the file back, compare.

    gather (this Blender)  ->  snapshot.npz, materials.blend  ->  worker (another Blender): stage, write, read back
                                                              ->  compare  ->  one line

The person's scene is only read: a head may be hidden, posed, in edit mode, under modifiers or linked, and Blender
stays usable while the file is written.
"""
