import { CODE, ConnectionError, DEFAULT_FRAME_BYTES, FLAG, MAX_WINDOW, SETTING } from './frames.ts';
import type { Frame } from './frames.ts';

export interface SettingsListener {
  /** What the client takes on a stream before it says more. */
  initialWindow(bytes: number): void;
  /** The client's table for headers is smaller than the usual one. */
  smallTable(): void;
}

/** Reads a SETTINGS frame of the client; false for a mere acknowledgement. Throws ConnectionError (RFC 9113, 6.5). */
export function readSettings({ flags, streamId, payload }: Frame, listener: SettingsListener): boolean {
  if (streamId !== 0) throw new ConnectionError(CODE.protocolError, 'SETTINGS on a stream');
  if ((flags & FLAG.ack) !== 0) {
    if (payload.length > 0) throw new ConnectionError(CODE.frameSizeError, 'an acknowledgement is not empty');
    return false;
  }
  if (payload.length % 6 !== 0) throw new ConnectionError(CODE.frameSizeError, 'SETTINGS is not whole');
  let window: number | undefined;
  for (let at = 0; at < payload.length; at += 6) {
    window = readSetting([payload.readUInt16BE(at), payload.readUInt32BE(at + 2)], listener) ?? window;
  }
  // The last one counts. Each of them changes every stream, and a frame has room for 2730.
  if (window !== undefined) listener.initialWindow(window);
  return true;
}

/** Returns the initial window if that is what is set. */
function readSetting(
  [setting, value]: readonly [number, number],
  listener: SettingsListener,
): number | undefined {
  switch (setting) {
    case SETTING.headerTableSize:
      if (value < 4096) listener.smallTable();
      return undefined;
    case SETTING.enablePush:
      if (value > 1) throw new ConnectionError(CODE.protocolError, 'ENABLE_PUSH is neither 0 nor 1');
      return undefined;
    case SETTING.initialWindowSize:
      if (value > MAX_WINDOW) throw new ConnectionError(CODE.flowControlError, 'the window is too large');
      return value;
    case SETTING.maxFrameSize:
      // Larger frames than the usual ones would only keep other streams waiting, so none are sent.
      if (value < DEFAULT_FRAME_BYTES || value > 0xff_ffff)
        throw new ConnectionError(CODE.protocolError, 'MAX_FRAME_SIZE is out of range');
  }
  return undefined;
}
