// The theme: that of the system, or the other one after a press of the button. The choice is kept in this browser.

const KEY = "innersight-theme";

export function startTheme(button) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = stored();
  const isDark = () => (chosen === null ? system.matches : chosen === "dark");
  const show = () => {
    if (chosen !== null) document.documentElement.dataset.theme = chosen;
    button.textContent = isDark() ? "Light theme" : "Dark theme";
  };
  button.addEventListener("click", () => {
    chosen = isDark() ? "light" : "dark";
    store(chosen);
    show();
  });
  system.addEventListener("change", show);
  show();
}

function stored() {
  try {
    const found = localStorage.getItem(KEY);
    return found === "light" || found === "dark" ? found : null;
  } catch {
    return null; // storage can be switched off
  }
}

function store(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // the theme then lasts until the page is closed
  }
}
