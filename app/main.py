"""The app's entry: `parity app` runs it with Streamlit."""

from pathlib import Path

import streamlit as st

# A file of ours: icons by name are fetched from elsewhere when they stand in the tab of the browser.
ICON = Path(__file__).with_name("icon.png")

# The page at the bare address; it has no other.
DEFAULT = "solve"

PAGES = {
    # title, icon and help, by the name of its file and in its address
    "solve": ("Solve", ":material/balance:", "The design that matches a baseline in FLOPs and parameters."),
    "explore": ("Explore", ":material/scatter_plot:", "Every design at parity, and the frontier."),
    "compare": ("Compare", ":material/view_column:", "Designs side by side."),
    "verify": ("Verify", ":material/fact_check:", "The cost model held against the executed layer."),
    "experiments": ("Experiments", ":material/experiment:", "The paper's variants trained in small."),
    "paper": ("Paper", ":material/menu_book:", "Published claims and tables; certificates to check."),
}


def main() -> None:
    """Draw the page that the address names."""
    pages = [
        st.Page(f"views/{name}.py", title=title, icon=icon, url_path=name, default=name == DEFAULT, help=about)
        for name, (title, icon, about) in PAGES.items()
    ]
    # Before the navigation, which else puts a page's own icon in the tab, fetched from elsewhere.
    st.set_page_config(page_icon=str(ICON), layout="wide")
    page = st.navigation(pages, position="top")
    st.set_page_config(page_title=f"{page.title} - parity")
    page.run()


main()
