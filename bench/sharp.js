// CPU milliseconds that sharp takes per picture: node sharp.js WIDTH FILE...
const { createRequire } = require("module");
const sharp = createRequire(__dirname + "/data/")("sharp");
const [width, ...files] = process.argv.slice(2);

async function main() {
  sharp.cache(false);
  sharp.concurrency(1);
  const make = (file) => sharp(file).resize(Number(width)).jpeg({ quality: 75 }).toBuffer();
  await make(files[0]);
  const start = process.cpuUsage();
  for (const file of files) await make(file);
  const { user, system } = process.cpuUsage(start);
  console.log(((user + system) / 1000 / files.length).toFixed(1));
}
main();
