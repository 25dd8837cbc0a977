// All that could end a line or hide in one, except the newline.
const INVISIBLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffe\uffff]/gu;

/**
 * Text with every invisible character made visible: ESC becomes `\x1b`, a line
 * separator `\u2028`. Newlines stay; half a surrogate pair becomes U+FFFD.
 */
export function visible(text: string): string {
  return text.toWellFormed().replace(INVISIBLE, escaped);
}

/** The same on one line: a newline becomes `\x0a`. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll("\n", "\\x0a");
}

function escaped(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
}
