/** A name that is too wide loses its middle. @param width pixels */
export function fitted(context: CanvasRenderingContext2D, name: string, width: number): string {
  const isTooWide = (text: string) => context.measureText(text).width > width;
  if (!isTooWide(name)) return name;
  const letters = [...name];
  for (let kept = letters.length - 1; kept > 2; kept--) {
    const text = `${letters.slice(0, Math.ceil(kept / 2)).join("")}…${letters.slice(-Math.floor(kept / 2)).join("")}`;
    if (!isTooWide(text)) return text;
  }
  return "…";
}
