/**
 * Colors of curves, by their place: the same hues on a light and on a dark background. Any two of them stay apart with
 * normal sight, protanopia, deuteranopia and tritanopia, and each has a contrast of 3:1 with its background (WCAG 2.2,
 * 1.4.11).
 */
export const curveColors = {
  light: ["#16a59a", "#e86e19", "#8800da", "#b03f05", "#333283", "#b371ff", "#731a25", "#157080"],
  dark: ["#09c3a7", "#f58700", "#9728df", "#fcdb63", "#00f6fe", "#b280ff", "#c91f08", "#1f747c"],
} as const;

/** The backgrounds that curves are plotted on. */
export const plotBackgrounds = { light: "#ffffff", dark: "#161a20" } as const;
