// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * lockedvm - tells how much memory a process has locked
 *
 * /proc/PID/status tells it as well, as VmLck, among fifty other lines: to
 * write them takes an emulated processor longer than most calls take whose
 * effect on locked memory a test is after.
 *
 * An ioctl of /dev/lockedvm with the number of a process returns the pages that
 * are charged to it. It fails with ESRCH when there is no such process, or when
 * it has no memory any more, and with ENOTTY when it isn't LOCKEDVM_PAGES.
 */
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/miscdevice.h>
#include <linux/mm_types.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>

#define LOCKEDVM_PAGES	_IO('L', 0)

static struct mm_struct *memory_of(pid_t number)
{
	struct pid *pid = find_get_pid(number);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm;

	put_pid(pid);
	if (!task)
		return NULL;
	mm = get_task_mm(task);
	put_task_struct(task);
	return mm;
}

static long lockedvm_ioctl(struct file *file, unsigned int command,
			   unsigned long argument)
{
	struct mm_struct *mm;
	long pages;

	if (command != LOCKEDVM_PAGES)
		return -ENOTTY;
	mm = memory_of(argument);
	if (!mm)
		return -ESRCH;
	pages = READ_ONCE(mm->locked_vm);
	mmput(mm);
	return pages;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = lockedvm_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lockedvm",
	.fops = &operations,
};
module_misc_device(device);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Tells how much memory a process has locked, for tests");
