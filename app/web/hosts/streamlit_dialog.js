// Streamlit covers the page with a dialog when its server is lost, and nothing on the page can be used then. A page that goes on without
// the server and says so itself closes it and puts the focus back; Streamlit opens no other one until the server has been back.

const DIALOG = '[data-testid="stDialog"]'
const RETRY = 100 // ms until it is closed again: just after it has opened it may not react yet

/** @returns {() => void} leaves the dialog open again */
export function closeConnectionDialog() {
  /** @type {HTMLElement | null} */
  let focused = null
  let closing = 0 // the timer of the next try
  const remember = (/** @type {FocusEvent} */ { target }) => {
    if (target instanceof HTMLElement && !target.closest(DIALOG)) focused = target
  }
  const close = () => {
    closing = 0
    const dialog = document.querySelector(DIALOG)
    if (dialog?.textContent?.includes("Connection error")) {
      /** @type {HTMLElement | null} */ (dialog.querySelector('button[aria-label="Close"]'))?.click()
      closing = setTimeout(close, RETRY)
    } else if (focused?.isConnected) focused.focus({ preventScroll: true })
  }
  const observer = new MutationObserver(() => {
    if (closing === 0 && document.querySelector(DIALOG)?.textContent?.includes("Connection error")) close()
  })
  document.addEventListener("focusin", remember, true)
  observer.observe(document.body, { childList: true, subtree: true })
  return () => {
    clearTimeout(closing)
    document.removeEventListener("focusin", remember, true)
    observer.disconnect()
  }
}
