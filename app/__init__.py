"""The Streamlit app: it parses, calls the functions behind the command line, and draws. No arithmetic of its own."""
