// Streamlit covers the page with a dialog when its server is lost, and nothing on the page can be used then. A page that goes on without
// the server and says so itself closes it; Streamlit opens no other one until the server has been back.

const DIALOG = '[data-testid="stDialog"]'

/** @returns {() => void} leaves the dialog open again */
export function closeConnectionDialog() {
  const observer = new MutationObserver(() => {
    const dialog = document.querySelector(DIALOG)
    if (dialog?.textContent?.includes("Connection error")) /** @type {HTMLElement | null} */ (dialog.querySelector('button[aria-label="Close"]'))?.click()
  })
  observer.observe(document.body, { childList: true, subtree: true })
  return () => observer.disconnect()
}
