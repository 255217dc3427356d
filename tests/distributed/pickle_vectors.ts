import vectors from "./fixtures/pickle_vectors.json" with { type: "json" };

/** What CPython wrote for an expression: see fixtures/make_pickle_vectors.py. */
export interface Vector {
  readonly expression: string;
  readonly repr: string;
  /** By all picklers and protocols, as far as they differ. */
  readonly pickles: readonly string[];
}

/** The vectors of the fixture. */
export const VECTORS: readonly Vector[] = vectors.vectors;
