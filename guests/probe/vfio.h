/* SPDX-License-Identifier: MIT */
#ifndef PROBE_VFIO_H
#define PROBE_VFIO_H

#include "call.h"
#include "request.h"

void command_open(const struct request *request);
void command_close(const struct request *request);
void command_group_open(const struct request *request);
void command_group_close(const struct request *request);
void command_group_status(const struct request *request);
void command_set_container_to(const struct request *request);
void command_device_open(const struct request *request);
void command_device_close(const struct request *request);

struct call *prepare_set_container(const struct request *request);
struct call *prepare_unset_container(const struct request *request);
struct call *prepare_set_iommu(const struct request *request);
struct call *prepare_check_extension(const struct request *request);

#endif
