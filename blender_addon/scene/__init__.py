"""From a head bundle to Blender objects: mesh, shape keys, materials, armature, camera, lights."""
