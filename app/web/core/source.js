// Where the content of a block comes from: a server, or the file that the page was opened from. The hosts make them.

/** @typedef {import("./resource.js").Resource} Resource */
/**
 * What every exit predicts for one example: the most probable classes with their probabilities, (exits, classes) each, and the score that
 * is compared with the thresholds, (exits,), if one is.
 * @typedef {{classes: number[][], probabilities: number[][], decision: number[] | null}} Predictions
 */
/**
 * Images of examples. key: equal if the images are the same;  fetch: an image, or null for an example that has none, for each number.
 * @typedef {{key: string, fetch: (examples: number[]) => Promise<(Blob | null)[]>}} Images
 */
/**
 * @typedef {{
 *   bundle: () => Promise<Resource>,
 *   sweep: () => Promise<Resource>,
 *   predictions: (example: number) => Promise<Predictions>,
 *   images: Images | null,
 * }} Source
 */
export {}
