import type { FieldError } from '../../../api/errors/field-error.ts';
import { portName, portNumber } from '../../../api/validation/names.ts';
import { invalidEach } from './fields.ts';

/** In the order upstream lists them. */
export const PROTOCOLS: readonly string[] = ['SCTP', 'TCP', 'UDP'];

/** A number, or the name of a container port. */
export const portNumberOrNameFaults = (path: string, port: number | string): FieldError[] =>
  invalidEach(path, port, typeof port === 'number' ? portNumber(port) : portName(port));
