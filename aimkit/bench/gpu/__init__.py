"""Ten minutes on a real GPU: is what it computes right, and how fast is it, beside what was estimated on paper."""
