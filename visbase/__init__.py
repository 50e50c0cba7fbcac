"""How far do classical features go against a CNN, on this data?"""
