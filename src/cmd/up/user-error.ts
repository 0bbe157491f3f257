/** Something the user can mend: printed as one sentence, without a stack, and the program ends with `exitCode`. */
export class UserError extends Error {
  readonly exitCode: number;
  constructor(message: string, options?: { readonly cause?: unknown; readonly exitCode?: number }) {
    super(message, { cause: options?.cause });
    this.name = 'UserError';
    this.exitCode = options?.exitCode ?? 1;
  }
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error (`EADDRINUSE` …), or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
