// The keys of the block: one table, which the handler follows and the dialog of all keys prints.

/** @typedef {"present" | "leave" | "close" | "dismiss" | "next" | "previous" | "reset" | "nextExit" | "previousExit" | "filter" | "keys"} Action */
/** @typedef {"page" | "presenting" | "both"} Where */
/**
 * keys: values of KeyboardEvent.key, in lower case;  shown: as the dialog prints them;  action: null if the part that has the focus handles them
 * @typedef {{keys: string[], shown: string[], where: Where, action: Action | null, text: string}} Key
 */

/** @type {Key[]} */
export const KEYS = [
  { keys: ["p"], shown: ["P"], where: "page", action: "present", text: "Present: large type and nothing else" },
  { keys: ["j"], shown: ["J"], where: "both", action: "nextExit", text: "Next exit" },
  { keys: ["k"], shown: ["K"], where: "both", action: "previousExit", text: "Previous exit" },
  { keys: ["/"], shown: ["/"], where: "page", action: "filter", text: "Select some of the examples; Enter or Esc leads back" },
  { keys: ["?"], shown: ["?"], where: "both", action: "keys", text: "All keys" },
  { keys: [], shown: ["←", "→"], where: "page", action: null, text: "On the handle: less or more budget. On an example: the one before or after it" },
  { keys: [], shown: ["Page Up", "Page Down"], where: "page", action: null, text: "On the handle: ten steps at once" },
  { keys: [], shown: ["Home", "End"], where: "page", action: null, text: "On the handle: the smallest or largest budget" },
  { keys: ["escape"], shown: ["Esc"], where: "page", action: "dismiss", text: "Close the example, or what is open" },
  { keys: ["arrowright", "pagedown"], shown: ["→", "Page Down"], where: "presenting", action: "next", text: "Next operating point" },
  { keys: ["arrowleft", "pageup"], shown: ["←", "Page Up"], where: "presenting", action: "previous", text: "Previous operating point" },
  { keys: ["r"], shown: ["R"], where: "presenting", action: "reset", text: "Back to the first view" },
  { keys: ["p"], shown: ["P"], where: "presenting", action: "leave", text: "Leave, and restore the budget" },
  { keys: ["escape"], shown: ["Esc"], where: "presenting", action: "close", text: "Close the example or the table that is open, else leave" },
]

/** @typedef {{key: string, ctrlKey?: boolean, altKey?: boolean, metaKey?: boolean, isComposing?: boolean}} Pressed */

/**
 * What a key does, or null. Together with Ctrl, Alt or Meta it is the browser's, and in a field it is text.
 * @param {Pressed} event
 * @param {{presenting: boolean, typing: boolean}} state
 * @returns {Action | null}
 */
export function actionOf({ key, ctrlKey, altKey, metaKey, isComposing }, { presenting, typing }) {
  if (ctrlKey || altKey || metaKey || isComposing || typing) return null
  const row = KEYS.find(({ keys, where }) => keys.includes(key.toLowerCase()) && where !== (presenting ? "page" : "presenting"))
  return row?.action ?? null
}

const BUTTONS = ["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"] // inputs that take no text

/**
 * Whether keys are text for an element, such as a field, or a list that letters search.
 * @param {{tagName?: string, type?: string, isContentEditable?: boolean} | null} target
 */
export function takesText(target) {
  const tag = target?.tagName?.toLowerCase()
  return Boolean(target?.isContentEditable) || tag === "textarea" || tag === "select" || (tag === "input" && !BUTTONS.includes(target?.type ?? "text"))
}
