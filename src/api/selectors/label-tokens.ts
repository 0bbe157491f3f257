/** A piece of a label selector: an operator or punctuation, or a word (key, value, `in`, `notin`). */
export interface Token {
  readonly text: string;
  readonly isWord: boolean;
}

const symbols = ['==', '!=', '=', '!', '>', '<', '(', ')', ','];
const symbolStart = '=!><(),';

/** Cuts a label selector into tokens; blanks separate words and mean nothing else. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char.trim() === '') {
      at++;
      continue;
    }
    const symbol = symbols.find((s) => text.startsWith(s, at));
    if (symbol !== undefined) {
      tokens.push({ text: symbol, isWord: false });
      at += symbol.length;
      continue;
    }
    let end = at;
    while (end < text.length && !symbolStart.includes(text.charAt(end)) && text.charAt(end).trim() !== '')
      end++;
    tokens.push({ text: text.slice(at, end), isWord: true });
    at = end;
  }
  return tokens;
}
