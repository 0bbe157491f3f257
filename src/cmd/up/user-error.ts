/** Something the user can mend: printed as one sentence, without a stack, and the program ends with `exitCode`. */
export class UserError extends Error {
  readonly exitCode: number;
  constructor(message: string, options?: { readonly cause?: unknown; readonly exitCode?: number }) {
    super(message, { cause: options?.cause });
    this.name = 'UserError';
    this.exitCode = options?.exitCode ?? 1;
  }
}
