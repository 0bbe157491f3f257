/**
 * Node's module for HTTP. Who imports it asks for all that it exports, a client and WebSockets as browsers have them among it, which are
 * made when somebody asks: 20 to 40 ms and 5 to 13 MB for each process.
 */
export const nodeHttp = process.getBuiltinModule('node:http');
