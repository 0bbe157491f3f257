/** What HTTP lets a header say. */
export const isHeaderValue = (value: string): boolean => /^[\t\x20-\x7e]*$/.test(value);
