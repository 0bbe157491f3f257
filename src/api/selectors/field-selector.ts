import { badRequest } from '../errors/api-error.ts';

export interface FieldRequirement {
  /** Such as metadata.name or spec.nodeName. */
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Cuts at `separator` unless a backslash stands before it; escapes stay. */
function splitEscaped(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === separator) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

function unescape(value: string): string {
  if (/(?<!\\)(?:\\\\)*\\(?![\\,=])/.test(value) || /[^\\]=|^=/.test(value)) {
    throw badRequest(`invalid field selector: ${value}: invalid escape sequence or character`);
  }
  return value.replace(/\\([\\,=])/g, '$1');
}

function parseTerm(term: string, selector: string): FieldRequirement {
  for (let i = 0; i < term.length; i++) {
    if (term[i] === '\\') i++;
    else if (term.startsWith('!=', i)) {
      return { field: term.slice(0, i), operator: '!=', value: unescape(term.slice(i + 2)) };
    } else if (term[i] === '=') {
      const width = term.startsWith('==', i) ? 2 : 1;
      return { field: term.slice(0, i), operator: '=', value: unescape(term.slice(i + width)) };
    }
  }
  throw badRequest(`invalid selector: '${selector}'; can't understand '${term}'`);
}

/** Parses `metadata.name=a,status.phase!=Running`; '' asks for nothing. Throws ApiError BadRequest. */
export const parseFieldSelector = (text: string): FieldRequirement[] =>
  splitEscaped(text, ',')
    .filter((term) => term !== '')
    .map((term) => parseTerm(term, text));

/** Whether all requirements hold; an absent field has the value ''. */
export const matchesFields = (
  requirements: readonly FieldRequirement[],
  fields: Readonly<Record<string, string | undefined>>,
): boolean =>
  requirements.every(
    ({ field, operator, value }) => ((fields[field] ?? '') === value) === (operator === '='),
  );

/** The text `parseFieldSelector` reads. */
export const formatFieldSelector = (requirements: readonly FieldRequirement[]): string =>
  requirements
    .map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, '\\$&')}`)
    .join(',');
