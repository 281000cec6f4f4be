import { computed, effect, signal } from "@preact/signals";

export type ThemeChoice = "system" | "light" | "dark";

const storageKey = "theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(dark.matches);
dark.addEventListener("change", ({ matches }) => {
  systemIsDark.value = matches;
});

const stored = localStorage.getItem(storageKey);
export const themeChoice = signal<ThemeChoice>(stored === "light" || stored === "dark" ? stored : "system");

export const theme = computed((): "light" | "dark" =>
  themeChoice.value === "system" ? (systemIsDark.value ? "dark" : "light") : themeChoice.value,
);

effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
  if (themeChoice.value === "system") localStorage.removeItem(storageKey);
  else localStorage.setItem(storageKey, themeChoice.value);
});
