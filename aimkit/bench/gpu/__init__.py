"""Ten minutes on a real GPU: are its results right, and how fast is it compared with the estimates?"""
