// A program that does nothing: what a start of Deno itself costs.
