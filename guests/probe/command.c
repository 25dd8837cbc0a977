// SPDX-License-Identifier: MIT
/* The commands: their names, how many words they take, who serves them. */
#include "command.h"

#include <stdint.h>
#include <string.h>

#include "channel.h"
#include "dirty.h"
#include "engine.h"
#include "fatal.h"
#include "files.h"
#include "groups.h"
#include "info.h"
#include "klog.h"
#include "limits.h"
#include "look.h"
#include "mapping.h"
#include "misuse.h"
#include "modules.h"
#include "process.h"
#include "race.h"
#include "removal.h"
#include "reply.h"
#include "request.h"
#include "state.h"
#include "vfio.h"

static void command_poweroff(const struct request *request)
{
	(void)request;
	reply_ok();
	reply_end();
	channel_flush();
	power_off();
}

struct command {
	const char *name;
	int least; /* words that must follow */
	int most;  /* words that may follow */
	bool rest; /* the last of them is the whole rest of the line, blanks included */
	void (*serve)(const struct request *request);
	struct call *(*prepare)(const struct request *request); /* for one that is a single call, or can be */
};

static const struct command commands[] = {
	{ "mark", 1, 1, true, command_mark, NULL },
	{ "say", 1, 1, true, command_say, NULL },
	{ "bind", 1, 2, false, command_bind, NULL },
	{ "groups", 0, 0, false, command_groups, NULL },
	{ "regions", 1, 1, false, command_regions, NULL },
	{ "read", 1, 1, false, command_read, NULL },
	{ "read-hex", 1, 1, false, command_read_hex, NULL },
	{ "write", 1, 2, true, command_write, NULL },
	{ "open", 1, 1, false, command_open, NULL },
	{ "close", 1, 1, false, command_close, NULL },
	{ "group-open", 2, 2, false, command_group_open, NULL },
	{ "group-close", 1, 1, false, command_group_close, NULL },
	{ "group-status", 1, 2, false, command_group_status, NULL },
	{ "set-container", 2, 2, false, NULL, prepare_set_container },
	{ "set-container-to", 2, 2, false, command_set_container_to, NULL },
	{ "unset-container", 1, 1, false, NULL, prepare_unset_container },
	{ "set-iommu", 2, 2, false, NULL, prepare_set_iommu },
	{ "check-extension", 2, 2, false, NULL, prepare_check_extension },
	{ "device-open", 3, 3, true, command_device_open, NULL },
	{ "device-close", 1, 1, false, command_device_close, NULL },
	{ "watch-removal", 1, 1, false, command_watch_removal, NULL },
	{ "await-removal", 0, 0, false, command_await_removal, NULL },
	{ "map", 4, 8, false, NULL, prepare_map },
	{ "unmap", 3, 9, false, NULL, prepare_unmap },
	{ "engine", 3, 3, false, command_engine, NULL },
	{ "dma", 4, 4, false, command_dma, NULL },
	{ "watch", 0, 0, false, command_watch, NULL },
	{ "look", 4, 4, false, command_look, NULL },
	{ "info", 1, 2, false, command_info, prepare_info },
	{ "dirty", 2, 3, false, NULL, prepare_dirty },
	{ "dirty-get", 3, 8, false, NULL, prepare_dirty_get },
	{ "ioctl", 2, 3, false, command_ioctl, NULL },
	{ "poke", 2, 2, false, command_poke, NULL },
	{ "fork", 1, 1, false, command_fork, NULL },
	{ "in", 2, 2, true, command_in, NULL },
	{ "exec", 0, 1, false, command_exec, NULL },
	{ "exit", 1, 1, false, command_exit, NULL },
	{ "race", 1, 2, true, command_race, NULL },
	{ "memlock", 1, 2, false, command_memlock, NULL },
	{ "state", 0, 0, false, command_state, NULL },
	{ "reset", 0, 0, false, command_reset, NULL },
	{ "klog", 0, 0, false, command_klog, NULL },
	{ "load", 1, 2, true, command_load, NULL },
	{ "unload", 1, 1, false, command_unload, NULL },
	{ "poweroff", 0, 0, false, command_poweroff, NULL },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (*commands[i].name == *name && !strcmp(commands[i].name, name)) /* a call for each is slow under emulation */
			return &commands[i];
	return NULL;
}

/* The rest of a line without the blanks around it; NULL when nothing is left. */
static char *rest_of_line(char **line)
{
	char *rest = *line + strspn(*line, " \t\r");
	size_t length = strlen(rest);

	while (length && strchr(" \t\r", rest[length - 1]))
		length--;
	rest[length] = '\0';
	*line = rest + length;
	return length ? rest : NULL;
}

/* Splits the words behind the command. Returns false when there are too few or too many. */
static bool split(const struct command *command, char *line, struct request *request)
{
	char *word;

	request->count = 0;
	while (request->count < command->most) {
		bool last = request->count == command->most - 1;

		word = command->rest && last ? rest_of_line(&line) : next_word(&line);
		if (!word)
			break;
		request->argument[request->count++] = word;
	}
	return request->count >= command->least && !next_word(&line);
}

/* Marks tell how far the guest got, should what follows end it: replies up to them are sent at once. */
static bool is_mark(const struct command *command)
{
	return command->serve == command_mark || command->serve == command_say;
}

/* The command, and in `request` what follows it; NULL for none of them, which was replied to. */
static const struct command *parse(char *words, struct request *request)
{
	char *name = next_word(&words);
	const struct command *command = name ? find_command(name) : NULL;

	if (!name)
		reply_bad("no command", NULL);
	else if (!command)
		reply_bad("unknown command", name);
	else if (!split(command, words, request))
		reply_bad("too few or too many words after", name);
	else
		return command;
	return NULL;
}

/* Returns whether the replies are to be sent at once. */
static bool serve_command(char *words)
{
	struct request request;
	const struct command *command = parse(words, &request);

	if (!command)
		return false;
	if (command->serve)
		command->serve(&request);
	else
		call_serve(command->prepare(&request));
	return is_mark(command);
}

struct call *prepare(char *words)
{
	struct request request;
	const struct command *command = parse(words, &request);

	if (!command)
		return NULL;
	if (command->prepare)
		return command->prepare(&request);
	reply_bad("not a single call:", command->name);
	return NULL;
}

void serve(const struct line *line)
{
	bool has_nul = strlen(line->text) != line->length;
	char *words = line->text;
	char *number_word = next_word(&words);
	uint64_t number = 0;
	bool numbered = number_word && parse_number(number_word, &number);
	bool prompt = false;

	reply_begin(numbered ? number : 0);
	if (line->too_long)
		reply_bad("the request is longer than 65536 bytes", NULL);
	else if (has_nul)
		reply_bad("the request has a NUL byte in it", NULL);
	else if (!numbered)
		reply_bad("a request begins with its number, not with", number_word ? number_word : "nothing");
	else
		prompt = serve_command(words);
	reply_end();
	if (prompt)
		channel_flush();
}
