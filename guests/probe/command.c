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
};

static const struct command commands[] = {
	{ "mark", 1, 1, true, command_mark },
	{ "say", 1, 1, true, command_say },
	{ "bind", 1, 2, false, command_bind },
	{ "groups", 0, 0, false, command_groups },
	{ "regions", 1, 1, false, command_regions },
	{ "read", 1, 1, false, command_read },
	{ "read-hex", 1, 1, false, command_read_hex },
	{ "write", 1, 2, true, command_write },
	{ "open", 1, 1, false, command_open },
	{ "close", 1, 1, false, command_close },
	{ "group-open", 2, 2, false, command_group_open },
	{ "group-close", 1, 1, false, command_group_close },
	{ "group-status", 1, 2, false, command_group_status },
	{ "set-container", 2, 2, false, command_set_container },
	{ "set-container-to", 2, 2, false, command_set_container_to },
	{ "unset-container", 1, 1, false, command_unset_container },
	{ "set-iommu", 2, 2, false, command_set_iommu },
	{ "check-extension", 2, 2, false, command_check_extension },
	{ "device-open", 3, 3, true, command_device_open },
	{ "device-close", 1, 1, false, command_device_close },
	{ "watch-removal", 1, 1, false, command_watch_removal },
	{ "await-removal", 0, 0, false, command_await_removal },
	{ "map", 4, 8, false, command_map },
	{ "unmap", 3, 9, false, command_unmap },
	{ "engine", 3, 3, false, command_engine },
	{ "dma", 4, 4, false, command_dma },
	{ "watch", 0, 0, false, command_watch },
	{ "look", 4, 4, false, command_look },
	{ "info", 1, 2, false, command_info },
	{ "dirty", 2, 3, false, command_dirty },
	{ "dirty-get", 3, 8, false, command_dirty_get },
	{ "ioctl", 2, 3, false, command_ioctl },
	{ "poke", 2, 2, false, command_poke },
	{ "fork", 1, 1, false, command_fork },
	{ "in", 2, 2, true, command_in },
	{ "exec", 0, 1, false, command_exec },
	{ "exit", 1, 1, false, command_exit },
	{ "memlock", 1, 2, false, command_memlock },
	{ "state", 0, 0, false, command_state },
	{ "reset", 0, 0, false, command_reset },
	{ "klog", 0, 0, false, command_klog },
	{ "load", 1, 2, true, command_load },
	{ "unload", 1, 1, false, command_unload },
	{ "poweroff", 0, 0, false, command_poweroff },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
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

/* Returns whether the replies are to be sent at once. */
static bool serve_command(char *words)
{
	struct request request;
	char *name = next_word(&words);
	const struct command *command = name ? find_command(name) : NULL;

	if (!name)
		reply_bad("no command", NULL);
	else if (!command)
		reply_bad("unknown command", name);
	else if (!split(command, words, &request))
		reply_bad("too few or too many words after", name);
	else
		command->serve(&request);
	return command && is_mark(command);
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
