// Where the content of a block comes from: a server, or the file that the page was opened from. The hosts make them.

/** @typedef {import("./resource.js").Resource} Resource */
/**
 * What every exit predicts for one example: the most probable classes with their probabilities, (exits, classes) each, and the score that
 * is compared with the thresholds, (exits,), if one is. Probabilities and scores are null where they are not known.
 * quality: (exits,) of what each exit gave, where it is not compared with a label;  confidence: (exits,) where no classes are predicted,
 * null where the exit failed;  text: of the example, in full;  before: what is known before any exit runs, by name;  masks: of the example,
 * where exits give masks.
 * @typedef {{
 *   classes: number[][], probabilities: (number | null)[][], decision: (number | null)[] | null,
 *   quality?: number[], confidence?: (number | null)[], text?: string, before?: Record<string, number>,
 *   masks?: import("./masks.js").Masks,
 * }} Predictions
 */
/**
 * Images of examples. key: equal if the images are the same;  fetch: an image, or null for an example that has none, for each number.
 * @typedef {{key: string, fetch: (examples: number[]) => Promise<(Blob | null)[]>}} Images
 */
/**
 * What each word of a text does for the prediction of every exit. begin, end: of the word, in characters;  effects: the probability of the
 * class that the exit predicts, minus its probability without the word
 * @typedef {{begin: number, end: number, effects: number[]}} WordEffect
 */
/**
 * What can be taken home, at one step of the budget. forms: of the table of routes;  policy: the document of the nearest step that has one;
 * page: the page as one file that opens with a view, given as a query, null where it is that file already. What fails rejects with a sentence.
 * @typedef {{
 *   forms: ("csv" | "parquet")[],
 *   routes: (model: import("./model.js").Model, step: number, form: "csv" | "parquet") => Promise<Blob>,
 *   policy: (model: import("./model.js").Model, step: number) => Promise<{content: Blob, step: number}>,
 *   page: ((view: string) => Promise<Blob>) | null,
 * }} TakeHome
 */
/**
 * words: null where no network can be asked
 * @typedef {{
 *   bundle: () => Promise<Resource>,
 *   sweep: () => Promise<Resource>,
 *   predictions: (example: number) => Promise<Predictions>,
 *   words: ((example: number) => Promise<WordEffect[]>) | null,
 *   images: Images | null,
 *   cards: () => Promise<import("../parts/panel.js").Card[]>,
 *   takeHome: TakeHome,
 * }} Source
 */
export {}
