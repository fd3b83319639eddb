"""How a component of the page loads its script: by an address relative to the page's root, wherever a proxy puts that."""

from app import media


def loader(path: str) -> str:
    """The script that Streamlit sends with a component. The script at `path` in app/web has a function `mount(component, root)`.

    It is short; the scripts proper are files that the browser may cache.
    """
    return f"""
// Streamlit's own scripts are in static/js below the page's root.
const root = new URL("../../", document.querySelector('script[src*="static/js/"]').src)
export default function (component) {{
  const mounted = import(new URL("{media.web_address(path)}", root).href).then((host) => host.mount(component, root))
  return () => mounted.then((unmount) => unmount())
}}
"""
