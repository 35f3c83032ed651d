// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <linux/videodev2.h>

#include "ndshm_dmabuf.h"

#define FRAME_MS	10000

/* Of <drm/drm.h>, which not every system has. */
struct drm_version {
	int major, minor, patch;
	size_t name_length;
	char *name;
	size_t date_length;
	char *date;
	size_t text_length;
	char *text;
};

struct drm_prime {
	__u32 handle;
	__u32 flags;
	__s32 fd;
};

struct drm_close {
	__u32 handle;
	__u32 pad;
};

struct drm_buffer {
	__u32 height;
	__u32 width;
	__u32 bits;
	__u32 flags;
	__u32 handle;
	__u32 pitch;
	__u64 size;
};

#define DRM_VERSION	_IOWR('d', 0x00, struct drm_version)
#define DRM_CLOSE	_IOW('d', 0x09, struct drm_close)
#define DRM_EXPORT	_IOWR('d', 0x2d, struct drm_prime)
#define DRM_IMPORT	_IOWR('d', 0x2e, struct drm_prime)
#define DRM_CREATE	_IOWR('d', 0xb2, struct drm_buffer)

int ndshm_dmabuf_sync(int dmabuf, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

const char *ndshm_dmabuf_fdinfo(int dmabuf, const char *key)
{
	static char line[256];
	const size_t length = strlen(key);
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, length) || line[length] != ':')
			continue;
		fclose(file);
		line[strcspn(line, "\n")] = '\0';
		return line + length + 2;
	}
	if (file)
		fclose(file);
	return "";
}

/* Open the first file of @pattern that @wanted accepts. */
static int open_first(const char *pattern, bool (*wanted)(int fd))
{
	glob_t found;
	int fd = -1;
	size_t i;

	if (glob(pattern, 0, NULL, &found))
		return -1;
	for (i = 0; i < found.gl_pathc && fd < 0; i++) {
		fd = open(found.gl_pathv[i], O_RDWR | O_CLOEXEC);
		if (fd >= 0 && !wanted(fd)) {
			close(fd);
			fd = -1;
		}
	}
	globfree(&found);
	return fd;
}

static bool is_vgem(int fd)
{
	char name[8] = "";
	struct drm_version version = { .name = name, .name_length = sizeof(name) - 1 };

	return !ioctl(fd, DRM_VERSION, &version) && !strcmp(name, "vgem");
}

int ndshm_vgem_open(void)
{
	return system("modprobe -q vgem") ? -1 : open_first("/dev/dri/renderD*", is_vgem);
}

int ndshm_vgem_import(int vgem, int dmabuf, __u32 *handle)
{
	struct drm_prime prime = { .fd = dmabuf };

	if (ioctl(vgem, DRM_IMPORT, &prime))
		return -errno;
	*handle = prime.handle;
	return 0;
}

int ndshm_vgem_export(int vgem, __u32 handle)
{
	struct drm_prime prime = { .handle = handle, .flags = O_RDWR | O_CLOEXEC };

	return ioctl(vgem, DRM_EXPORT, &prime) ? -errno : prime.fd;
}

int ndshm_vgem_close(int vgem, __u32 handle)
{
	struct drm_close close = { .handle = handle };

	return ioctl(vgem, DRM_CLOSE, &close) ? -errno : 0;
}

int ndshm_vgem_open_card(void)
{
	return system("modprobe -q vgem") ? -1 : open_first("/dev/dri/card*", is_vgem);
}

int ndshm_vgem_buffer(int card, __u32 width, __u32 height, size_t *length)
{
	struct drm_buffer buffer = { .width = width, .height = height, .bits = 32 };
	int dmabuf;

	if (ioctl(card, DRM_CREATE, &buffer))
		return -errno;
	dmabuf = ndshm_vgem_export(card, buffer.handle);
	ndshm_vgem_close(card, buffer.handle);
	*length = buffer.size;
	return dmabuf;
}

static bool is_vivid_camera(int fd)
{
	struct v4l2_capability capability;
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix = {
			.width = 640, .height = 360, .pixelformat = V4L2_PIX_FMT_YUYV,
		},
	};
	int webcam = 0;

	return !ioctl(fd, VIDIOC_QUERYCAP, &capability) &&
	       !strcmp((char *)capability.driver, "vivid") &&
	       capability.device_caps & V4L2_CAP_VIDEO_CAPTURE &&
	       !ioctl(fd, VIDIOC_S_INPUT, &webcam) &&
	       !ioctl(fd, VIDIOC_S_FMT, &format) &&
	       format.fmt.pix.sizeimage == NDSHM_VIVID_FRAME;
}

int ndshm_vivid_open(void)
{
	return system("modprobe -q vivid") ? -1 : open_first("/dev/video*", is_vivid_camera);
}

/* Capture a frame into the dma-buf @dmabuf, or, if that is -1, into vivid's first buffer. */
static long vivid_frame(int vivid, int dmabuf, size_t length)
{
	struct v4l2_buffer buffer = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	struct pollfd ready = { .fd = vivid, .events = POLLIN };
	int type = buffer.type;
	long ret;

	buffer.memory = dmabuf < 0 ? V4L2_MEMORY_MMAP : V4L2_MEMORY_DMABUF;
	if (dmabuf >= 0) {
		buffer.m.fd = dmabuf;
		buffer.length = length;
	}
	if (ioctl(vivid, VIDIOC_QBUF, &buffer) || ioctl(vivid, VIDIOC_STREAMON, &type))
		return -errno;
	if (poll(&ready, 1, FRAME_MS) != 1)
		ret = -ETIMEDOUT;
	else
		ret = ioctl(vivid, VIDIOC_DQBUF, &buffer) ? -errno : (long)buffer.bytesused;
	ioctl(vivid, VIDIOC_STREAMOFF, &type);
	return ret;
}

static int vivid_request(int vivid, __u32 memory, __u32 count)
{
	struct v4l2_requestbuffers buffers = {
		.count = count, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = memory,
	};

	return ioctl(vivid, VIDIOC_REQBUFS, &buffers) ? -errno : 0;
}

long ndshm_vivid_capture(int vivid, int dmabuf, size_t length)
{
	long ret = vivid_request(vivid, V4L2_MEMORY_DMABUF, 2);

	if (ret)
		return ret;
	ret = vivid_frame(vivid, dmabuf, length);
	vivid_request(vivid, V4L2_MEMORY_DMABUF, 0);
	return ret;
}

int ndshm_vivid_export(int vivid, size_t *length)
{
	struct v4l2_exportbuffer export = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .flags = O_RDWR | O_CLOEXEC,
	};
	int ret = vivid_request(vivid, V4L2_MEMORY_MMAP, 2);

	if (ret)
		return ret;
	if (ioctl(vivid, VIDIOC_EXPBUF, &export))
		return -errno;
	*length = lseek(export.fd, 0, SEEK_END);
	return export.fd;
}

long ndshm_vivid_fill(int vivid)
{
	return vivid_frame(vivid, -1, 0);
}

int ndshm_udmabuf(size_t length, int *memfd)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = length };
	int device, ret;

	if (access("/dev/udmabuf", F_OK) && system("modprobe -q udmabuf"))
		return -ENOENT;
	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -errno;
	create.memfd = memfd_create("ndshm", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (ftruncate(create.memfd, length) || fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		ret = -errno;
	else
		ret = ioctl(device, UDMABUF_CREATE, &create);
	if (ret == -1)
		ret = -errno;
	close(device);
	if (ret < 0)
		close(create.memfd);
	*memfd = create.memfd;
	return ret;
}
