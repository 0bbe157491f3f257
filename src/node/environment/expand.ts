/**
 * Replaces `$(NAME)` by `lookup(NAME)`; what is not defined stays as written and `$$` is a dollar sign, as upstream's third_party/forked/golang/expansion.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (match, name: string | undefined) =>
    name === undefined ? '$' : (lookup(name) ?? match),
  );
}
