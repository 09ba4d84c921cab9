"""What programs made of the photographs: read, made by ourselves, placed before the data's camera, checked."""
