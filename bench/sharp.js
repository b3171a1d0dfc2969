// Makes a picture for each line: INPUT WIDTH HEIGHT OUTPUT, in the format that the output's name ends in.
const { createRequire } = require("module");
const sharp = createRequire(__dirname + "/peers/")("sharp");
const lines = require("readline").createInterface({ input: process.stdin });

sharp.cache(false);
sharp.concurrency(1);
async function main() {
  for await (const line of lines) {
    const [input, width, height, output] = line.split(" ");
    const picture = sharp(input).rotate().resize(Number(width), Number(height));
    await (output.endsWith(".webp") ? picture.webp({ quality: 75 }) : picture.jpeg({ quality: 75 })).toFile(output);
    console.log("done");
  }
}
main();
