// Prints what the official parser finds in an AsyncAPI document, one line each; exits with 1 on an error.
//   node check.mjs FILE
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const file = process.argv[2];
const SEVERITIES = ["error", "warning", "information", "hint"];
const { document, diagnostics } = await new Parser().parse(await readFile(file, "utf8"), { source: file });

for (const { severity, code, path, message } of diagnostics) {
  console.log(`${SEVERITIES[severity]}: /${path.join("/")}: ${message} (${code})`);
}
console.log(document ? `${document.allMessages().length} messages, ${document.allOperations().length} operations` : "no document");
process.exit(document && !diagnostics.some(({ severity }) => severity === 0) ? 0 : 1);
