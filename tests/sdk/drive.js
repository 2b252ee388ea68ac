"use strict";
// Calls the official client for a test. One JSON object a line comes in: {id, path: ["Call", "answer"], args: [...]};
// one goes out for each: {id, value} or {id, error: {name, message, statusCode, limitReset}}. The client's configuration
// is the first argument of the process, the name of its package the second. Results that can turn pages are reduced to
// all their pages. An argument {base64: ...} becomes a Buffer, {stream: ...} with base64 a Readable of two pieces.

const readline = require("readline");
const { Readable } = require("stream");
const Bandwidth = require(process.argv[3]);

const client = new Bandwidth(JSON.parse(process.argv[2]));

function say(object) {
	process.stdout.write(JSON.stringify(object) + "\n");
}

async function allPages(result) {
	const key = Object.keys(result).find((name) => Array.isArray(result[name]));
	const items = [...result[key]];
	let page = result;
	while (page.hasNextPage) {
		page = await page.getNextPage();
		items.push(...page[key]);
	}
	return items;
}

async function shown(result) {
	if (Buffer.isBuffer(result)) {
		return { base64: result.toString("base64") };
	}
	if (result !== null && typeof result === "object") {
		if (typeof result.getNextPage === "function" || result.hasNextPage === false) {
			return allPages(result);
		}
		if (Buffer.isBuffer(result.content)) {
			return { contentType: result.contentType, base64: result.content.toString("base64") };
		}
	}
	return result;
}

function meant(argument) {
	if (argument === null || typeof argument !== "object") {
		return argument;
	}
	if (typeof argument.base64 === "string") {
		return Buffer.from(argument.base64, "base64");
	}
	if (typeof argument.stream === "string") {
		const bytes = Buffer.from(argument.stream, "base64");
		const middle = bytes.length >> 1;
		return Readable.from([bytes.subarray(0, middle), bytes.subarray(middle)]);
	}
	return argument;
}

async function run(command) {
	const names = [...command.path];
	const method = names.pop();
	const owner = names.reduce((object, name) => object[name], client);
	try {
		const value = await shown(await owner[method](...command.args.map(meant)));
		say({ id: command.id, value: value === undefined ? null : value });
	} catch (error) {
		say({
			id: command.id,
			error: {
				name: error.name,
				message: error.message,
				statusCode: error.statusCode,
				limitReset: error.limitReset,
			},
		});
	}
}

readline.createInterface({ input: process.stdin }).on("line", (line) => run(JSON.parse(line)));
