// JSON as it travels. Seeds have up to 63 bits, more than a number here holds: they are kept as text.
// Inside of a JSON string a quote is escaped, so neither pattern is ever found in one.

export function parsed(text) {
  return JSON.parse(text.replace(/"seed":\s*(\d+)/g, '"seed":"$1"'));
}

export function written(value) {
  return JSON.stringify(value).replace(/"seed":"(\d+)"/g, '"seed":$1');
}
