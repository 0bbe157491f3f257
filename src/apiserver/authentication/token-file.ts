import type { StaticToken } from '../config.ts';

/**
 * Upstream's --token-auth-file: lines of `token,user,uid,"group1,group2"`, the groups being optional. Throws an Error
 * with the number of the bad line, and without what stands in it: that may be a token.
 */
export function parseTokenFile(text: string): StaticToken[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const columns = csvColumns(line);
    if (columns === undefined)
      throw new Error(`--token-auth-file: line ${i + 1} has a quote that is not closed`);
    const [token = '', user = '', uid = '', groups = ''] = columns.map((column) => column.trim());
    if (columns.length < 3) {
      throw new Error(
        `--token-auth-file: line ${i + 1} must have at least 3 columns (token, user name, user uid), found ${columns.length}`,
      );
    }
    if (token === '' || user === '')
      throw new Error(`--token-auth-file: line ${i + 1} has no token or no user name`);
    const named = groups.split(',').map((group) => group.trim());
    return [{ token, user, ...(uid === '' ? {} : { uid }), groups: named.filter((group) => group !== '') }];
  });
}

/** RFC 4180, one record; undefined when a quote stays open. */
function csvColumns(line: string): string[] | undefined {
  const columns: string[] = [];
  let rest = line;
  for (;;) {
    const quoted = /^\s*"((?:[^"]|"")*)"\s*(?:,|$)/.exec(rest);
    const found = quoted ?? /^([^,"]*)(?:,|$)/.exec(rest);
    if (found === null) return undefined;
    const [whole, value = ''] = found;
    columns.push(quoted === null ? value : value.replaceAll('""', '"'));
    rest = rest.slice(whole.length);
    if (!whole.endsWith(',')) return columns;
  }
}
